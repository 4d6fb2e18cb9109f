// The OpenAPI document in Swagger UI.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

window.SwaggerUIBundle({ url: "openapi.json", dom_id: "#viewer", deepLinking: true, defaultModelsExpandDepth: 0 });
