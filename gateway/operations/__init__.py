"""What runs beside the translation: batching, cache, keys, limits, metrics, kept uploads, request context, logs."""
