"""Makes every import of matplotlib fail, as where it was never installed."""

import sys

NODE_CLASS_MAPPINGS: dict = {}
sys.modules["matplotlib"] = None
