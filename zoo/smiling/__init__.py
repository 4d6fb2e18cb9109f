"""The bundled `smiling` model."""
