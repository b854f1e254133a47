import { formatTimeIn } from "./format";

// Calling codes of countries and the regions they are of; those that several regions share are left out.
const CODES =
  "20EG 211SS 212MA 213DZ 216TN 218LY 220GM 221SN 222MR 223ML 224GN 225CI 226BF 227NE 228TG 229BJ 230MU 231LR 232SL 233GH " +
  "234NG 235TD 236CF 237CM 238CV 239ST 240GQ 241GA 242CG 244AO 245GW 248SC 249SD 250RW 251ET 252SO 253DJ 254KE 255TZ 256UG " +
  "257BI 258MZ 260ZM 261MG 263ZW 264NA 265MW 266LS 267BW 268SZ 269KM 27ZA 291ER 297AW 298FO 30GR 31NL 32BE 33FR 350GI 352LU " +
  "353IE 354IS 355AL 356MT 357CY 359BG 36HU 370LT 371LV 372EE 373MD 374AM 375BY 376AD 377MC 378SM 380UA 381RS 382ME 385HR " +
  "386SI 387BA 389MK 39IT 40RO 41CH 420CZ 421SK 423LI 43AT 44GB 45DK 46SE 47NO 48PL 49DE 501BZ 502GT 503SV 504HN 505NI 506CR " +
  "507PA 509HT 51PE 53CU 54AR 57CO 58VE 591BO 592GY 595PY 597SR 598UY 60MY 63PH 65SG 66TH 673BN 675PG 679FJ 81JP 82KR 84VN " +
  "852HK 853MO 855KH 856LA 86CN 880BD 886TW 90TR 91IN 92PK 93AF 94LK 95MM 960MV 961LB 962JO 963SY 964IQ 965KW 966SA 967YE " +
  "968OM 970PS 971AE 972IL 973BH 974QA 975BT 977NP 98IR 992TJ 993TM 994AZ 995GE 996KG 998UZ";

/** The region of a number in E.164; undefined if its calling code is of several or none. */
export function regionOfNumber(e164: string): string | undefined {
  const digits = e164.startsWith("+") ? e164.slice(1) : "";
  for (const entry of CODES.split(" ")) {
    if (digits.startsWith(entry.slice(0, -2))) {
      return entry.slice(-2);
    }
  }
  return undefined;
}

interface Zoned {
  getTimeZones?: () => string[];
  timeZones?: string[];
}

/** The zones of a region, as far as the browser knows them. */
function zonesOf(region: string): string[] {
  try {
    const locale = new Intl.Locale(`und-${region}`) as unknown as Zoned;
    return locale.getTimeZones?.() ?? locale.timeZones ?? [];
  } catch {
    return []; // not the code of a region
  }
}

/**
 * The time of day where somebody is, by the country of an address or else by a number; undefined where that does not say it:
 * the country has several times, or is not known.
 */
export function localTime(countries: string[], numbers: string[], now: number): string | undefined {
  const named = countries.find((country) => /^[A-Z]{2}$/.test(country));
  const region = named ?? numbers.map(regionOfNumber).find((found) => found !== undefined);
  if (!region) {
    return undefined;
  }
  const times = new Set(zonesOf(region).map((timeZone) => formatTimeIn(now, timeZone)));
  return times.size === 1 ? [...times][0] : undefined;
}
