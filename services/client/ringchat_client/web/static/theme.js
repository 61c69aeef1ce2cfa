// Light, dark, or as the system has it.

const KEY = "ringchat/theme";
export const THEMES = ["auto", "light", "dark"];

export function theme() {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.includes(kept) ? kept : "auto";
  } catch {
    return "auto"; // storage is refused to this page
  }
}

export function setTheme(name) {
  document.documentElement.dataset.theme = name;
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // Then it lasts as long as the page.
  }
}
