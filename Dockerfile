# wsseg without CUDA:
#
#   docker build -t wsseg .
#   docker run --rm -v "$PWD:/work" wsseg segment photos/ -o out
#
# The second index has the torch without CUDA. Behind a mirror: --build-arg TORCH_INDEX=https://...
FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY pyproject.toml README.md LICENSE /source/
COPY wsseg /source/wsseg
RUN python -m pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" /source
RUN useradd --create-home wsseg
USER wsseg
WORKDIR /work
ENTRYPOINT ["wsseg"]
CMD ["--help"]
