"""What a model is: which weights read which conditioning input, and how it is recognised."""
