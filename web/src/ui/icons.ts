// The shapes of all icons, drawn on a grid of 16 with lines of one width.

export const icons = {
  add: "M8 3v10M3 8h10",
  back: "M10 3 5 8l5 5",
  board: "M2.5 3h3v10h-3zM6.5 3h3v7h-3zM10.5 3h3v4.5h-3z",
  check: "m3 8.5 3.2 3.2L13 4.8",
  close: "M4 4l8 8M12 4l-8 8",
  filter: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14",
  keyboard: "M1.5 4h13v8h-13zM4 6.5h.01M6.7 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6",
  link: "M6.5 9.5l3-3M7.5 4.5l1-1a2.8 2.8 0 0 1 4 4l-1 1M8.5 11.5l-1 1a2.8 2.8 0 0 1-4-4l1-1",
  more: "M3.6 8h.01M3.5 8.1h.01M8 8h.01M8 8.1h.01M12.5 8h.01M12.4 8.1h.01",
  move: "M2 8h11M9 4l4 4-4 4",
  pen: "M3 13l.7-3L11 2.7a1.2 1.2 0 0 1 1.7 0l.6.6a1.2 1.2 0 0 1 0 1.7L6 12.3z",
  text: "M3 4.5h10M3 8h10M3 11.5h6",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  undo: "M5.5 3 2.5 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
} as const;

export type IconName = keyof typeof icons;
