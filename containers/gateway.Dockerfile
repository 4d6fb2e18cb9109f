# The gateway alone. Build context: the repository.
ARG PYTHON_IMAGE=python:3.12-slim
FROM ${PYTHON_IMAGE}

COPY requirements/gateway.txt /tmp/gateway.txt
RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir -r /tmp/gateway.txt
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

WORKDIR /service
COPY contract contract
COPY ensembles/preprocess ensembles/preprocess
COPY gateway gateway

USER 1000:1000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s CMD \
    ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=5)"]
# Workers, threads and their metrics are set in gateway/gunicorn_config.py; GUNICORN_CMD_ARGS adds or changes flags.
CMD ["gunicorn", "--config", "python:gateway.gunicorn_config", "--bind", "0.0.0.0:8080", "--worker-tmp-dir", "/dev/shm", \
     "gateway.app:create_app()"]
