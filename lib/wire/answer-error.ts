/** Its message is the text of an error answer, exactly as the client gets it. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
}
