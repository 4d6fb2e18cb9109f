"""A small YOLO26 that finds faces and sunglasses, trained from scratch on composites."""

LABELS = ("face", "sunglasses")
SIZE = 256  # side of the training pictures in pixels; the network is convolutional and serves at other sizes too
