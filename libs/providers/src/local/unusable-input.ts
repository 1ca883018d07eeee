/** An input that the schema lets through and the model cannot use; the message tells the caller what to do. */
export class UnusableInput extends Error {
  override readonly name = 'UnusableInput';
}
