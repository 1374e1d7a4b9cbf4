# The dev dependency "node" runs the npm scripts on a developer's machine; here the image brings the runtime.
FROM node:26.13-slim

ENV NODE_ENV=production \
    HOST=0.0.0.0

WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY . .

# The user node of the image; as a number Kubernetes can tell that it is not root.
USER 1000
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/server.ts"]
