/* Chapters fold their code and long tables. A button below the title opens the code of all cells, or folds it again; what a
   folded table or figure holds is said on its line. */
document.addEventListener("DOMContentLoaded", () => {
  const folded = document.querySelectorAll("article .cell:not(.tag_hide-cell) details.above-input");
  const title = document.querySelector("article h1");
  if (folded.length > 1 && title) {
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
  }
  document.querySelectorAll("article .cell.tag_hide-output details").forEach((details) => {
    const caption = details.querySelector("p.caption");
    const what = caption ? caption.textContent : details.querySelector("figure.finding") ? "the figure" : "";
    const summary = details.querySelector("summary");
    if (!what || !summary) return;
    summary.removeAttribute("aria-label"); // the same for all of them; the words of the line say more
    for (const [name, word] of [["collapsed", "Show"], ["expanded", "Hide"]]) {
      const line = summary.querySelector(`p.${name}`);
      if (line) line.textContent = `${word}: ${what}`;
    }
  });
  // A figure that is wider than the window is moved with the keyboard, too.
  const reach = () => document.querySelectorAll(".sideways").forEach((frame) => {
    if (frame.scrollWidth > frame.clientWidth) {
      frame.tabIndex = 0;
      frame.setAttribute("role", "region");
      frame.setAttribute("aria-label", "Figure, wider than the window");
    } else ["tabindex", "role", "aria-label"].forEach((name) => frame.removeAttribute(name));
  });
  window.addEventListener("load", reach);
  window.addEventListener("resize", reach);
});
