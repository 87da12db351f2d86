# The build stage's commands are relative to its folder, so that they also run outside a container:
# tests/dockerfile/steps prints them as a script.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /build

# The dependencies, a layer that is rebuilt only when Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked \
 && rm -r src

# Cargo goes by modification times, and those of a checkout may be older than the layer above.
COPY src ./src
RUN find src -type f -exec touch {} + \
 && cargo build --release --locked --bin pullpass

# The C library, its certificates and nothing to run: no shell, no package manager. TLS is in the binary.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Pullpass" \
      org.opencontainers.image.description="The right pull secret for every Pod: a Kubernetes mutating admission webhook" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12:nonroot"
COPY --from=build /build/target/release/pullpass /usr/local/bin/pullpass
USER 65532:65532
EXPOSE 8443/tcp 8080/tcp
ENTRYPOINT ["/usr/local/bin/pullpass"]
CMD ["webhook"]
