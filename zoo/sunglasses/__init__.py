"""The bundled `sunglasses` model."""
