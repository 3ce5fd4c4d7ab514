"""Files whole or not at all, also those larger than memory."""
