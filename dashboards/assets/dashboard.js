// Tells the server how the figures are to look; asked at every tick, answered when it has changed.
window.dash_clientside = Object.assign({}, window.dash_clientside, {
  nas: {
    look: (_ticks, known) => {
      const look = {
        dark: matchMedia("(prefers-color-scheme: dark)").matches,
        narrow: matchMedia("(max-width: 560px)").matches,
      };
      const same = known && known.dark === look.dark && known.narrow === look.narrow;
      return same ? window.dash_clientside.no_update : look;
    },
  },
});
