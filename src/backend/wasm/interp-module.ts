import {
  Handler,
  HOT_COUNT,
  HOT_LIST,
  HOT_MAX,
  LINK,
  MAPS,
  MICRO_OP,
  OPERANDS,
  PAGE_MAP,
  SIDE_COUNT,
  SIDE_PC,
} from "../../engine/predecode-layout.ts";
import { mapShift } from "../../engine/predecode.ts";
import {
  CTL_ADDR,
  CTL_AUX,
  CTL_EXIT,
  CTL_FUEL,
  CTL_PC,
  CTL_RETIRED,
  ENGINE_MEMORY_BYTES,
  Exit,
  PAGE_SHIFT,
  PAGE_SIZE,
  PERMS,
} from "../../memory/layout.ts";
