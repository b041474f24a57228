# The chapters in JupyterLab: docker build -t nstlib . && docker run --rm -p 8888:8888 nstlib
# For JupyterHub: name the image in the spawner; it starts jupyterhub-singleuser by itself.
FROM python:3.11-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG JUPYTERHUB=6.1.1
ARG NB_USER=jovyan
ARG NB_UID=1000

ENV NB_USER=${NB_USER} \
    HOME=/home/${NB_USER} \
    PIP_NO_CACHE_DIR=1 \
    PIP_CONSTRAINT=/opt/nstlib/requirements.lock

RUN useradd --create-home --uid "${NB_UID}" "${NB_USER}"

WORKDIR /opt/nstlib
COPY requirements.lock ./
# The versions are those of PIP_CONSTRAINT.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" torch torchvision \
    && pip install --no-cache-dir "jupyterhub==${JUPYTERHUB}"
COPY pyproject.toml README.md LICENSE ./
COPY nstlib nstlib
COPY data data
RUN pip install --no-cache-dir .
COPY notebooks notebooks

USER ${NB_UID}
WORKDIR ${HOME}
EXPOSE 8888

# A hub mounts an empty home: the chapters are copied into it once, and are the learner's own then.
ENTRYPOINT ["/bin/sh", "-c", "test -e chapters || cp -r /opt/nstlib/notebooks chapters; exec \"$@\"", "--"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--LabApp.default_url=/lab/tree/chapters/01_content_reconstruction.ipynb"]
