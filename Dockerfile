# The bot as a container image: docker build --tag atelier .
# docs/running.md says how to run it. Only /data and /tmp are written to, so the root may be read-only.

# The Python that the tests run on. Debian, not Alpine: the bot asks glibc to return freed memory to the system.
ARG BASE=docker.io/library/python:3.11-slim-trixie

FROM ${BASE} AS packages
COPY requirements/run.txt /build/run.txt
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --quiet --disable-pip-version-check --no-cache-dir \
        --no-deps --require-hashes --only-binary :all: --requirement /build/run.txt

FROM ${BASE}
LABEL org.opencontainers.image.title="Atelier" \
    org.opencontainers.image.description="A Discord bot with which a server's community makes pictures together" \
    org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 atelier \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /data --shell /usr/sbin/nologin atelier \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/atelier
COPY LICENSE ./
COPY storage storage
COPY bot bot
COPY cogs cogs
# Bytecode is written here, since the running bot cannot write it.
RUN /opt/venv/bin/python -m compileall -q bot cogs storage
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    DATABASE_URL=sqlite:////data/atelier.db \
    PICTURES_URL=/data/pictures \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/opt/venv/bin/python", "-I", "-S", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['HTTP_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["/opt/venv/bin/python", "-m", "bot"]
CMD ["run"]
