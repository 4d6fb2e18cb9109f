"""The bundled `caption` model."""
