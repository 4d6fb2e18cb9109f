// The OpenAPI document in Swagger UI.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

const nameServers = () => document.getElementById("servers")?.setAttribute("aria-label", "Server");

window.SwaggerUIBundle({
  url: "openapi.json", dom_id: "#viewer", deepLinking: true, defaultModelsExpandDepth: 0, onComplete: nameServers,
});
