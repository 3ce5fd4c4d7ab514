"""What users mean: concepts, anchors, captions, and how their tokens face each other."""
