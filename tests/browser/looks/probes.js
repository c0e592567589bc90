// What a pair of eyes would see at once, as lists of sentences; an empty list is good news.
(() => {
  const words = (element) => {
    const text = (element.innerText || element.value || element.alt || "").trim().slice(0, 40);
    const names = [...element.classList].map((name) => "." + name).join("");
    return `${element.localName}${element.id ? "#" + element.id : ""}${names} « ${text} »`;
  };
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isSeen = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.closest(".unseen") && !element.closest(".skip");
  const OPERABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, audio[controls]";

  // Text as it stands on the page: one box for each line of each text node.
  const lines = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!node.data.trim() || !isSeen(parent)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) if (box.width > 1 && box.height > 1) found.push({ node, parent, box });
    }
    return found;
  };
  const overlap = (one, other) => ({
    width: Math.min(one.right, other.right) - Math.max(one.left, other.left),
    height: Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top),
  });
  const luminance = ([red, green, blue]) => {
    const linear = (part) => ((part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  };
  const colour = (text) => text.match(/[\d.]+/g).map(Number);

  return {
    // WCAG 1.4.10: at 320 px nothing asks to be scrolled sideways.
    sideways() {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      const wide = all("body *").filter((each) => isSeen(each) && each.getBoundingClientRect().right > width + 1);
      return [`${document.documentElement.scrollWidth} px in ${width}: ${wide.slice(-3).map(words).join(", ")}`];
    },

    // WCAG 1.4.4: text at twice its size is cut off nowhere, leaves no button and lies on nothing.
    squeezed() {
      const found = [];
      const text = lines();
      for (const { parent, box } of text) {
        for (let frame = parent; frame !== document.body; frame = frame.parentElement) {
          const style = getComputedStyle(frame);
          const edge = frame.getBoundingClientRect();
          const isFrame = style.overflowX !== "visible" || frame.matches("button, .button, input, .badge");
          if (isFrame && (box.right > edge.right + 1 || box.bottom > edge.bottom + 1 || box.left < edge.left - 1))
            found.push(`does not fit: ${words(frame)}`);
        }
      }
      const things = all("img, input:not([type=hidden]), select, audio").filter(isSeen);
      text.forEach(({ node, parent, box }, index) => {
        for (const other of text.slice(index + 1)) {
          const { width, height } = overlap(box, other.box);
          if (node !== other.node && width > 2 && height > box.height / 4)
            found.push(`lies on each other: ${words(parent)} and ${words(other.parent)}`);
        }
        for (const thing of things) {
          const { width, height } = overlap(box, thing.getBoundingClientRect());
          if (width > 2 && height > box.height / 4) found.push(`lies on ${words(thing)}: ${words(parent)}`);
        }
      });
      return [...new Set(found)];
    },

    // WCAG 2.5.8 asks for 24 px, but of links in a sentence and of those with that much room around them; our own
    // buttons and fields have 44.
    cramped() {
      const found = [];
      const operable = all(OPERABLE).filter(isSeen);
      const hasRoom = (element, { x, y, width, height }) =>
        operable.every((other) => {
          const box = other.getBoundingClientRect();
          const across = Math.max(box.left - (x + width / 2), x + width / 2 - box.right, 0);
          const along = Math.max(box.top - (y + height / 2), y + height / 2 - box.bottom, 0);
          return other === element || Math.hypot(across, along) >= 14;
        });
      for (const element of operable) {
        const box = element.getBoundingClientRect();
        const isSmall = element.matches("[type=checkbox], [type=radio], a:not(.button), summary");
        const least = isSmall ? 24 : 44;
        const isLink = getComputedStyle(element).display === "inline";
        const isInSentence = isLink && element.parentElement.innerText.trim() !== element.innerText.trim();
        if (isInSentence || (isLink && hasRoom(element, box))) continue;
        if (box.width < least || box.height < least)
          found.push(`${Math.round(box.width)}×${Math.round(box.height)}: ${words(element)}`);
      }
      return found;
    },

    // With the system's own colours, what can be used is still drawn: each button and field keeps its border.
    borderless() {
      const found = [];
      for (const element of all("button, .button, input:not([type=hidden], [type=checkbox], [type=radio])").filter(isSeen)) {
        const style = getComputedStyle(element);
        for (const side of ["Top", "Right", "Bottom", "Left"]) {
          const isDrawn = style[`border${side}Style`] !== "none" && parseFloat(style[`border${side}Width`]) >= 1;
          if (!isDrawn || style[`border${side}Color`] === getComputedStyle(document.body).backgroundColor) {
            found.push(words(element));
            break;
          }
        }
      }
      return found;
    },

    // Whoever asked the system for less motion gets none.
    moving() {
      const isStill = ({ transitionDuration, animationName }) =>
        animationName === "none" && transitionDuration.split(", ").every((time) => parseFloat(time) === 0);
      return all("*").filter((each) => !isStill(getComputedStyle(each))).map(words);
    },

    // On paper: no button, and dark text on white.
    unprintable() {
      const found = all("button, .button").filter(isSeen).map((each) => `is printed: ${words(each)}`);
      for (const { parent } of lines()) {
        const contrast = 1.05 / (luminance(colour(getComputedStyle(parent).color)) + 0.05);
        if (contrast < 7) found.push(`too pale on paper (${contrast.toFixed(1)}:1): ${words(parent)}`);
        for (let under = parent; under; under = under.parentElement) {
          const [red, green, blue, alpha = 1] = colour(getComputedStyle(under).backgroundColor);
          if (alpha > 0 && Math.min(red, green, blue) < 230) found.push(`on dark paper: ${words(parent)}`);
        }
      }
      return [...new Set(found)];
    },
  };
})()
