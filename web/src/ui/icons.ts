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
  people:
    "M6 7.5a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6zM1.8 13c.3-2.4 2-3.6 4.2-3.6s3.9 1.2 4.2 3.6M10.6 3.2a2.2 2.2 0 0 1 0 4.1M12 9.7c1.3.5 2 1.6 2.2 3.3",
  pen: "M3 13l.7-3L11 2.7a1.2 1.2 0 0 1 1.7 0l.6.6a1.2 1.2 0 0 1 0 1.7L6 12.3z",
  text: "M3 4.5h10M3 8h10M3 11.5h6",
  trash: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  user: "M8 7.8a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM2.8 13.6c.4-2.7 2.4-4 5.2-4s4.8 1.3 5.2 4",
  leave: "M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3",
  key: "M10.5 9a3.5 3.5 0 1 0-3.3-2.3L2 12v2h2.5v-1.7h1.7v-1.7h1.5l.9-.9c.6.2 1.2.3 1.9.3zM11 5h.01",
  undo: "M5.5 3 2.5 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
} as const;

export type IconName = keyof typeof icons;
