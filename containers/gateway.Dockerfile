# The gateway alone. Build context: the repository.
FROM python:3.12-slim

COPY requirements/gateway.txt /tmp/gateway.txt
RUN pip install --no-cache-dir -r /tmp/gateway.txt

WORKDIR /service
COPY contract contract
COPY ensembles/preprocess ensembles/preprocess
COPY gateway gateway
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

USER 1000:1000
# Workers, threads and their metrics are set in gateway/gunicorn_config.py; GUNICORN_CMD_ARGS adds or changes flags.
CMD ["gunicorn", "--config", "python:gateway.gunicorn_config", "--bind", "0.0.0.0:8080", "--worker-tmp-dir", "/dev/shm", \
     "gateway.app:create_app()"]
