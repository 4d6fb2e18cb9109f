# Everything in one image, with the Triton server of the Python wheel: no GPU, no NVIDIA image, nothing to mount.
# Build context: the repository. Any Debian-like image with Python 3.11 or 3.12 and its libpython will do as PYTHON_IMAGE.
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE}

COPY requirements/gateway.txt requirements/serve.txt /requirements/
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir -r /requirements/serve.txt \
    && /opt/venv/bin/pip uninstall --yes pip
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /service
COPY backends backends
COPY serving serving
COPY contract contract
# Triton maps the library of its Python backend from here: /tmp of a container lets nothing be run.
RUN mkdir /opt/triton && python3 -m serving.backend_directory /opt/triton
COPY gateway gateway
COPY ensembles ensembles
COPY model_repository model_repository
COPY LICENSE NOTICE ./
COPY zoo/NOTICE zoo/NOTICE
COPY zoo/licences zoo/licences

# Triton keeps to loopback inside; only the gateway is reachable.
ENV SERVING_BACKEND_DIRECTORY=/opt/triton/backends SERVING_GATEWAY_HOST=0.0.0.0 LOG_FORMAT=json
EXPOSE 8080
USER 1000:1000
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s CMD \
    ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=5)"]
CMD ["python3", "-m", "serving"]
