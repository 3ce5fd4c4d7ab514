"""What erasing does and costs, in pictures of the demo model and in numbers at scale: `python run.py evaluate`."""
