import { useComputedColorScheme } from "@mantine/core";
import type { EChartsType } from "echarts/core";
import { useEffect, useRef, useState } from "react";
import { t } from "../../i18n";

/** Colours of the current scheme, by the names of the tokens. */
export interface ChartColors {
  text: string;
  muted: string;
  line: string;
  surface: string;
  series: string[];
}

interface Props {
  label: string;
  height: number;
  /** Makes ECharts' option from the colours. */
  option: (colors: ChartColors) => object;
  /** Index of the mark that was clicked, and of its series. */
  onPick?: (index: number, series: number) => void;
}

function colorsOf(element: HTMLElement): ChartColors {
  const style = getComputedStyle(element);
  const get = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: get("--text"),
    muted: get("--muted"),
    line: get("--line"),
    surface: get("--surface"),
    series: [1, 2, 3, 4, 5, 6].map((n) => get(`--chart-${n}`)),
  };
}

/** A chart; its library is loaded when the first one is shown. The table beside it says the same in text. */
export function Chart({ label, height, option, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | undefined>(undefined);
  const scheme = useComputedColorScheme("light");
  const [ready, setReady] = useState(false);
  const [failed, setFailed] = useState(false);
  const pick = useRef(onPick);
  useEffect(() => {
    pick.current = onPick;
  });

  useEffect(() => {
    let gone = false;
    let observer: ResizeObserver | undefined;
    import("./echarts")
      .then(({ init }) => {
        if (gone || !box.current) {
          return;
        }
        const made = init(box.current, undefined, { renderer: "svg" });
        made.on("click", (event) => {
          if (typeof event.dataIndex === "number") {
            pick.current?.(event.dataIndex, event.seriesIndex ?? 0);
          }
        });
        observer = new ResizeObserver(() => made.resize());
        observer.observe(box.current);
        chart.current = made;
        setReady(true);
      })
      .catch(() => setFailed(true));
    return () => {
      gone = true;
      observer?.disconnect();
      chart.current?.dispose();
      chart.current = undefined;
    };
  }, []);

  useEffect(() => {
    if (ready && box.current && chart.current) {
      const colors = colorsOf(box.current);
      chart.current.setOption(
        {
          animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
          animationDuration: 250,
          animationDurationUpdate: 250,
          textStyle: {
            fontFamily: getComputedStyle(box.current).fontFamily,
            fontSize: 12,
            color: colors.text,
          },
          color: colors.series,
          aria: { enabled: false },
          ...option(colors),
        },
        { notMerge: true },
      );
    }
  }, [ready, option, scheme]);

  if (failed) {
    return <p className="muted">{t("chart.failed")}</p>;
  }
  return <div ref={box} role="img" aria-label={label} style={{ height, width: "100%" }} />;
}
