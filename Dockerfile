# The program in a container, for docker-compose.yml. CUDA comes with the ordinary build of PyTorch.
FROM python:3.11-slim

# Ray asks for the user's name and a home to write to; the user may be any (`user:` of the service).
ENV USER=nas HOME=/tmp PYTHONUNBUFFERED=1 NAS_RESULTS=/results
# Trials on a CPU compile their kernels for its processor at their first use; without they are slower.
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/nas
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY nas nas
COPY search_spaces search_spaces
COPY dashboards dashboards
# EXTRAS=[jobs] adds Ray's job server, for deploy/kuberay.
ARG EXTRAS=""
RUN pip install --no-cache-dir -c constraints.txt ".${EXTRAS}" && install -d -m 1777 /results
WORKDIR /results
ENTRYPOINT ["nas"]
