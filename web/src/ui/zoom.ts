/** Where a picture is while it is looked at closely. Pure; lengths are CSS pixels, the origin is the middle of the window. */

export interface Size {
  width: number
  height: number
}

export interface Point {
  x: number
  y: number
}

export interface View extends Point {
  /** Times the picture's own size. */
  scale: number
}

/** The whole picture; a small one is enlarged at most this often. */
export function fit(picture: Size, stage: Size, largest: number): View {
  const scale = Math.min(largest, stage.width / picture.width, stage.height / picture.height)
  return { scale: Number.isFinite(scale) && scale > 0 ? scale : 1, x: 0, y: 0 }
}

const least = 0.25
const most = 8

/** Zooms so that what is under the point stays there, within a quarter and eight times of what fits. */
export function zoomAt(view: View, factor: number, at: Point, fitted: number): View {
  const scale = Math.min(Math.max(view.scale * factor, fitted * least), Math.max(fitted * most, 1))
  const k = scale / view.scale
  return { scale, x: at.x - (at.x - view.x) * k, y: at.y - (at.y - view.y) * k }
}

/** A picture larger than the window covers it; a smaller one stays in the middle. */
export function keepInside(view: View, picture: Size, stage: Size): View {
  const bound = (offset: number, length: number, room: number) => {
    const over = Math.max(0, (length * view.scale - room) / 2)
    return Math.min(Math.max(offset, -over), over)
  }
  return { scale: view.scale, x: bound(view.x, picture.width, stage.width), y: bound(view.y, picture.height, stage.height) }
}
