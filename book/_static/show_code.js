/* A button below the title of a chapter opens the code of all its cells, or folds it again. */
document.addEventListener("DOMContentLoaded", () => {
  const folded = document.querySelectorAll("article details.hide.above-input, article details.above-input");
  const title = document.querySelector("article h1");
  if (folded.length < 2 || !title) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "show-code";
  button.setAttribute("aria-pressed", "false");
  button.textContent = "Show all code";
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    folded.forEach((details) => { details.open = open; });
    button.setAttribute("aria-pressed", String(open));
  });
  title.after(button);
});
