/* Starts Swagger UI, whose files come from an installed package, on this service's own document. */

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/** Of a list of files, whose buttons read "Add string item" and "-". */
const nameButtons = () => ({
  wrapComponents: {
    Button: (Button, { React }) => (properties) => {
      const { className = "" } = properties;
      const named = className.includes("item-add") ? { children: "Add a photograph" }
        : className.includes("item-remove") ? { children: "Remove" } : {};
      return React.createElement(Button, { ...properties, ...named });
    },
  },
});

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#explorer",
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // or a badge would ask a server elsewhere
  plugins: [nameButtons],
});
