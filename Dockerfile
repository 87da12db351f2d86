# The image is one static binary. `make image` builds it without a container engine: it runs the build stage, whose commands are
# relative to its folder for that, and assembles the final stage, which therefore says all: the mode of a file, a user in numbers.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /build

# For both builds below: static, and the same wherever the sources and the crates lie. The target is given so that these flags are
# not those of procedural macros, which cannot be static. The variable is that of .cargo/config.toml.
RUN mkdir .cargo \
 && printf '[build]\ntarget = "%s"\nrustflags = ["-Ctarget-feature=+crt-static", "--remap-path-prefix=%s=/build", "--remap-path-prefix=%s=/cargo"]\n[env]\nAWS_LC_SYS_NO_JITTER_ENTROPY = "1"\n' \
    "$(rustc --print host-tuple)" "$PWD" "${CARGO_HOME:-$HOME/.cargo}" > .cargo/config.toml

# The dependencies, a layer that is rebuilt only when Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo '//! Nothing yet.' > src/lib.rs \
 && { cat src/lib.rs && echo 'fn main() {}'; } > src/main.rs \
 && cargo build --release --locked \
 && rm -r src

# Cargo goes by modification times, and those of a checkout may be older than the layer above.
COPY src ./src
RUN find src -type f -exec touch {} + \
 && cargo build --release --locked --bin pullpass \
 && cp target/*/release/pullpass .

# No shell, no package manager, no C library to be updated: the binary, and what it needs is in it.
FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Pullpass" \
      org.opencontainers.image.description="The right pull secret for every Pod: a Kubernetes mutating admission webhook" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build --chmod=755 /build/pullpass /usr/local/bin/pullpass
USER 65532:65532
EXPOSE 8443/tcp 8080/tcp
ENTRYPOINT ["/usr/local/bin/pullpass"]
CMD ["webhook"]
