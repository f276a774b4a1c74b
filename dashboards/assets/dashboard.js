// Tells the server the theme of the page, and when to look for news: not while the page is hidden,
// and seldom after the study has ended.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  nas: {
    look: (ticks, known, seen) => {
      const none = window.dash_clientside.no_update;
      const look = {
        dark: matchMedia("(prefers-color-scheme: dark)").matches,
        narrow: matchMedia("(max-width: 560px)").matches,
      };
      const same = known && known.dark === look.dark && known.narrow === look.narrow;
      const due = !document.hidden && (!(seen && seen.over) || (ticks || 0) % 8 === 0);
      return [same ? none : look, due ? ticks || 0 : none];
    },
  },
});
