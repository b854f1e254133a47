import type { Stage } from "../../api/model";

const OPEN = ["#5d7fa8", "#3f8f94", "#8a6d9e", "#c4762b", "#7d8f4e", "#b05f7a"];

/** The colour of a stage: its own, else one by its kind and place. */
export function stageColor(stage: Partial<Stage> | undefined, index: number): string {
  if (stage?.color) {
    return stage.color;
  }
  if (stage?.kind === "STAGE_KIND_WON") {
    return "#2f8a57";
  }
  if (stage?.kind === "STAGE_KIND_LOST") {
    return "#a3a099";
  }
  return OPEN[index % OPEN.length] ?? "#5d7fa8";
}

/** Whether deals in the stage are being worked on. */
export function isOpenStage(stage: Partial<Stage> | undefined): boolean {
  return stage?.kind !== "STAGE_KIND_WON" && stage?.kind !== "STAGE_KIND_LOST";
}
