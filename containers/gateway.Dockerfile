# The gateway alone. Build context: the repository.
FROM python:3.12-slim

COPY requirements/serve.txt /tmp/serve.txt
RUN grep -E '^(numpy|tritonclient|flask|gunicorn)' /tmp/serve.txt > /tmp/gateway.txt \
    && pip install --no-cache-dir -r /tmp/gateway.txt

WORKDIR /service
COPY gateway gateway
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

USER 1000:1000
# Threads wait for Triton; GUNICORN_CMD_ARGS adds or changes flags.
CMD ["gunicorn", "--bind", "0.0.0.0:8080", "--worker-class", "gthread", "--workers", "2", "--threads", "8", \
     "--worker-tmp-dir", "/dev/shm", "gateway.app:create_app()"]
