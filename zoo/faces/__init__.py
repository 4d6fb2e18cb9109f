"""The face detector."""
