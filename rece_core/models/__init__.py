"""What a model is: which weights read which stream of the text, and how it is recognised."""
