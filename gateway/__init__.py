"""The gateway: uploads in, gRPC to Triton, JSON out. `operations/` holds what runs beside that."""
