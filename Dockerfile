# On the CPU:  docker build -t bcauto .
# With a GPU:  docker build -t bcauto --build-arg EXTRAS=gpu .
# EXTRAS is a comma list of bcauto's own, PACKAGES of what else is to be installed, PYTHON the tag
# of the image below it; the page docs/docker.md says how to run it.
ARG PYTHON=3.11-slim
FROM python:${PYTHON}
ARG EXTRAS=""
ARG PACKAGES=""
WORKDIR /bcauto
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY bcauto bcauto
COPY search_spaces search_spaces
RUN pip install --no-cache-dir -c constraints.txt ".${EXTRAS:+[$EXTRAS]}" $PACKAGES
# Any user may run it; pretrained weights are kept in .keras of the folder that is mounted.
ENV HOME=/work USER=bcauto
WORKDIR /work
ENTRYPOINT ["bcauto"]
CMD ["--help"]
