/** A running wild dog in one line. Drawn for this product. */
export function Logo({ className }: { className?: string }) {
  return (
    <svg
      className={className}
      viewBox="0 0 64 40"
      fill="none"
      stroke="currentColor"
      strokeWidth="3"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M3 13c4 1 7 3 10 6 6-3 14-4 21-3 4 .5 7-1 9-4 1-4 1-7 3-9 3 0 5 3 5 6 4 1 8 3 10 6-2 3-6 3-10 3-2 4-5 7-6 10 3 2 7 4 12 8M45 28c-5 1-9 1-13-1-4 1-8 2-11 5-5 2-9 3-14 2M13 19c-2 4-2 7 1 11" />
    </svg>
  );
}
