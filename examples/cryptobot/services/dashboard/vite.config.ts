import { defineConfig } from "vite";

// The development server stands where the edge stands otherwise: same origin, calls passed on.
const edge = process.env.EDGE_URL ?? "http://127.0.0.1:80";

export default defineConfig({
  // The automatic JSX runtime of esbuild is all that React needs; no Babel in the tree.
  esbuild: { jsx: "automatic" },
  build: { target: "es2022" },
  server: {
    port: 5173,
    proxy: { "/api": edge, "/ws": { target: edge, ws: true } },
  },
});
