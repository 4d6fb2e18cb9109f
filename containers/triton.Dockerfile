# NVIDIA's Triton server with what `python -m serving` and the Python-backend steps import. Build context: the repository.
# Releases before 25.07 have published remote-code holes.
ARG TRITON_RELEASE=26.10
FROM nvcr.io/nvidia/tritonserver:${TRITON_RELEASE}-py3

COPY requirements/gateway.txt /tmp/gateway.txt
RUN grep -E '^(numpy|Pillow|pi-heif|tritonclient|pydantic)' /tmp/gateway.txt > /tmp/triton.txt \
    && PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --no-cache-dir -r /tmp/triton.txt

RUN mkdir -p /var/cache/tensorrt && chown 1000:1000 /var/cache/tensorrt

WORKDIR /service
COPY serving serving
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# The image's own user triton-server.
USER 1000:1000
CMD ["python3", "-m", "serving"]
