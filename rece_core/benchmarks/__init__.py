"""Pictures of many prompts drawn, compared and counted into tables."""
