import { createTheme, type MantineColorsTuple } from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#e4f2f1",
  "#cde4e3",
  "#9fcac9",
  "#6eafad",
  "#48989a",
  "#2a8083",
  "#0c6468",
  "#0a575b",
  "#094b4e",
  "#063a3d",
];

/** Mantine's side of the look; colours and sizes proper are in tokens.css. */
export const theme = createTheme({
  primaryColor: "petrol",
  primaryShade: 6,
  colors: { petrol },
  defaultRadius: 5,
  fontFamily: "var(--font)",
  fontSizes: { xs: "12px", sm: "13px", md: "13px", lg: "15px", xl: "18px" },
  lineHeights: { xs: "1.35", sm: "1.4", md: "1.4" },
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Button: { defaultProps: { size: "xs", variant: "filled" } },
    ActionIcon: {
      defaultProps: { variant: "subtle", color: "gray", size: 28 },
      styles: { root: { color: "var(--muted)" } },
    },
    TextInput: { defaultProps: { size: "xs" } },
    PasswordInput: { defaultProps: { size: "xs" } },
    NumberInput: { defaultProps: { size: "xs" } },
    Textarea: { defaultProps: { size: "xs", autosize: true, minRows: 2, maxRows: 10 } },
    Select: { defaultProps: { size: "xs", checkIconPosition: "right" } },
    MultiSelect: { defaultProps: { size: "xs" } },
    Checkbox: { defaultProps: { size: "xs" } },
    Switch: { defaultProps: { size: "xs" } },
    SegmentedControl: { defaultProps: { size: "xs" } },
    Modal: {
      defaultProps: {
        centered: true,
        radius: 8,
        overlayProps: { backgroundOpacity: 0.35 },
        transitionProps: { duration: 120 },
      },
    },
    Menu: { defaultProps: { shadow: "md", radius: 6, transitionProps: { duration: 80 } } },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: false, fz: 12 } },
  },
});
