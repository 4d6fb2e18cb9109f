"""A small YOLO26 that finds faces and sunglasses, trained from scratch on composites."""

LABELS = ("face", "sunglasses")
SIZE = 320  # side of the letterboxed input in pixels
