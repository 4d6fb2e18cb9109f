"""The detector of COCO's 80 objects."""
