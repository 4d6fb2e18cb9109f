"""The REST gateway: multipart uploads in, Triton gRPC calls out, JSON back. It only translates."""
