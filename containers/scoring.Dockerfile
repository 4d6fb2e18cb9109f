# Bulk scoring on a Ray cluster: deploy/kubernetes/bulk/. Build context: the repository. Not run: no registry was reached.
# Ray's version is that of requirements/ray.txt.
ARG RAY_IMAGE=rayproject/ray:2.60.0-py311
FROM ${RAY_IMAGE}

COPY requirements/scoring.txt /tmp/scoring.txt
RUN pip install --no-cache-dir -r /tmp/scoring.txt
WORKDIR /service
COPY contract contract
COPY scoring scoring
ENV RAY_USAGE_STATS_ENABLED=0
