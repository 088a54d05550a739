/**
 * The theme, set before the page is drawn, so that it does not flash. This is a script of its own and not a module, because a
 * module runs only after the page was read. `console/settings.js` has the switch.
 */
{
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    let wanted = null;
    try {
      wanted = localStorage.getItem(`promptreel ${location.pathname} theme`);
    } catch {
      // The browser stores nothing for this page: the system decides.
    }
    document.documentElement.dataset.theme = wanted === "light" || wanted === "dark" ? wanted : dark.matches ? "dark" : "light";
  };
  show();
  dark.addEventListener("change", show);
  addEventListener("promptreel-theme", show);
  addEventListener("storage", show); // another tab changed it
}
