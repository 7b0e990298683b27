# The service as a container: page, API and model; no pip, no training code, nothing to write at run time.
# Any image with Python 3.11 to 3.13 as `python3`, and its `venv`, will do as BASE.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build

# pip has an environment of its own, which stays behind here. TensorFlow's C++ headers and libclang serve those who
# compile against it, and are a fifth of all that is installed. Bytecode is trusted unchecked: a file's time does not
# survive every builder's layers to the second, and modules whose time differs were compiled anew at every start
# (measured: 1.8 of 5.4 s of CPU).
COPY requirements.lock ./
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/venv \
    && tools/bin/pip --python /opt/venv install --no-compile --require-hashes -r requirements.lock \
    && tools/bin/pip --python /opt/venv uninstall --yes libclang \
    && rm -r /opt/venv/lib/python3*/site-packages/tensorflow/include \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

# The project lies beside its dependencies as it does in a checkout: a changed line or another model is a layer of a few
# MiB, and the large one stays as it was pulled before.
COPY src/ /opt/catdog/src/
COPY static/ /opt/catdog/static/
COPY models/ /opt/catdog/models/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/catdog/src

FROM ${BASE} AS service
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/catdog /opt/catdog
# Every module is compiled, and the files belong to root: at run time there is nothing to write. TensorFlow's import
# asks for a temporary folder all the same, and fails where none is writable unless it is named one.
ENV PATH=/opt/venv/bin:${PATH} PYTHONPATH=/opt/catdog/src PYTHONDONTWRITEBYTECODE=1 TEST_TMPDIR=/tmp \
    CATDOG_HOST=0.0.0.0 CATDOG_PORT=8000
EXPOSE 8000
# By number, so that Kubernetes can see that it is not root; any other number serves as well.
USER 10001:10001
# Not urllib, which would ask a proxy that the environment names; the certificate need not name localhost.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", "\
import http.client, os, ssl; \
address = ('localhost', int(os.environ['CATDOG_PORT'])); \
tls = os.environ.get('CATDOG_TLS_CERTIFICATE'); \
connection = http.client.HTTPSConnection(*address, timeout=4, context=ssl._create_unverified_context()) \
if tls else http.client.HTTPConnection(*address, timeout=4); \
connection.request('GET', '/health/ready'); \
raise SystemExit(connection.getresponse().status != 200)"]
ENTRYPOINT ["python3", "-m", "catdog_api"]
CMD ["serve"]

# With `--target ray`: the service as deploy/ray has it. Above the service's layers lies what Ray wants besides, and no
# more; pip compiles that, and with this variable bytecode is held to its source and not to a file's time.
FROM service AS ray
USER 0:0
COPY requirements-ray.lock /tmp/
RUN python3 -m venv /tmp/tools \
    && SOURCE_DATE_EPOCH=1 /tmp/tools/bin/pip --python /opt/venv install --no-cache-dir --disable-pip-version-check \
        --require-hashes -r /tmp/requirements-ray.lock \
    && /tmp/tools/bin/pip --python /opt/venv uninstall --yes libclang \
    && rm -r /tmp/*
COPY deploy/ray/ /opt/catdog/deploy/ray/
# Ray would keep 3 GB of each of its logs, and has two lines or more for each request: a pod's /tmp would be full. It
# writes its cluster's token into its home, and a user without one has /, where nobody may write. Its object store would
# be a third of the memory, and lie in /tmp where /dev/shm has not so much: with this it fits into `--shm-size 1g`.
ENV HOME=/tmp PYTHONPATH=/opt/catdog/src:/opt/catdog/deploy/ray RAY_USAGE_STATS_ENABLED=0 \
    RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=catdog_ray_proxy:layers \
    RAY_ROTATION_MAX_BYTES=32000000 RAY_ROTATION_BACKUP_COUNT=1 RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES=900000000
USER 10001:10001
ENTRYPOINT []
CMD ["serve", "run", "/opt/catdog/deploy/ray/serve.yaml"]

# What is built unless a target is named.
FROM service
